"""Builds and runs a program for this machine."""

from SCons.Script import AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
env.Replace(CC="gcc", CXX="g++", AR="gcc-ar", RANLIB="gcc-ranlib", LINK="g++", SIZETOOL="")

program = env.BuildProgram()
run = env.VerboseAction('"$BUILD_DIR/$PROGNAME" $PROGRAM_ARGS', "Running $PROGNAME")
for name in ("exec", "upload"):
    AlwaysBuild(env.Alias(name, program, run))
AlwaysBuild(env.Alias("buildprog", program, program))
Default([program])
