"""Adds the project's own compiler flags to firmware/src, firmware/lib and firmware/test, and to nothing else.

The Arduino core and the libraries of other people are built as they come: they would not pass.
"""

from pathlib import Path

from SCons.Script import COMMAND_LINE_TARGETS

Import("env")  # noqa: F821

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wconversion"]

if "nobuild" not in COMMAND_LINE_TARGETS:  # else there is nothing to compile, and no projenv
    Import("projenv")  # noqa: F821
    # The cores of other platforms want a newer standard, and set it.
    standard = ["-std=gnu++14"] if env["PIOPLATFORM"] in ("atmelavr", "native") else []  # noqa: F821
    lib_dir = Path(env.subst("$PROJECT_DIR"), "firmware", "lib").resolve()  # noqa: F821
    ours = [projenv]  # noqa: F821
    ours += [lib.env for lib in env.GetLibBuilders() if lib_dir in Path(lib.path).resolve().parents]  # noqa: F821
    for scope in ours:
        scope.Append(CCFLAGS=WARNINGS, CXXFLAGS=standard)
