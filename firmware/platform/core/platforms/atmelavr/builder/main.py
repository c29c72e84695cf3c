"""Builds an AVR program with the distribution's toolchain and uploads it with avrdude."""

from platformio.device.list.util import list_serial_ports
from SCons.Script import ARGUMENTS, COMMAND_LINE_TARGETS, AlwaysBuild, Builder, Default, DefaultEnvironment

env = DefaultEnvironment()
board = env.BoardConfig()

env.Replace(
    AR="avr-gcc-ar",  # the wrapper knows the LTO plugin
    AS="avr-as",
    CC="avr-gcc",
    CXX="avr-g++",
    LINK="avr-g++",
    OBJCOPY="avr-objcopy",
    RANLIB="avr-gcc-ranlib",
    SIZETOOL="avr-size",
    ARFLAGS=["rc"],
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
    SIZEPROGREGEXP=r"^(?:\.text|\.data|\.bootloader)\s+(\d+).*",
    SIZEDATAREGEXP=r"^(?:\.data|\.bss|\.noinit)\s+(\d+).*",
    SIZECHECKCMD="$SIZETOOL -A -d $SOURCES",
    SIZEPRINTCMD="$SIZETOOL -A -d $SOURCES",
)
env.Append(
    CCFLAGS=["-Os", "-mmcu=$BOARD_MCU", "-ffunction-sections", "-fdata-sections", "-flto", "-fno-fat-lto-objects"],
    CFLAGS=["-std=gnu11"],
    CXXFLAGS=["-std=gnu++11", "-fno-exceptions", "-fno-threadsafe-statics", "-Wno-error=narrowing"],
    ASFLAGS=["-x", "assembler-with-cpp", "-mmcu=$BOARD_MCU"],
    ASPPFLAGS=["-x", "assembler-with-cpp", "-mmcu=$BOARD_MCU"],
    CPPDEFINES=[("F_CPU", "$BOARD_F_CPU")],
    LINKFLAGS=["-Os", "-mmcu=$BOARD_MCU", "-Wl,--gc-sections", "-flto", "-fuse-linker-plugin"],
    LIBS=["m"],
    BUILDERS={
        "ElfToHex": Builder(
            action=env.VerboseAction("$OBJCOPY -O ihex -R .eeprom $SOURCES $TARGET", "Building $TARGET"),
            suffix=".hex",
        ),
    },
)

program = "$BUILD_DIR/${PROGNAME}.elf" if "nobuild" in COMMAND_LINE_TARGETS else env.BuildProgram()
image = env.ElfToHex("$BUILD_DIR/${PROGNAME}", program)
AlwaysBuild(env.Alias("nobuild", image))
AlwaysBuild(env.Alias("buildprog", image, image))
AlwaysBuild(env.Alias("size", program, env.VerboseAction("$SIZEPRINTCMD", "Calculating size $SOURCE")))

# -D: the bootloaders erase page by page and know no chip erase.
env.Replace(
    UPLOADER="avrdude",
    UPLOADERFLAGS=["-p", "$BOARD_MCU", "-c", "$UPLOAD_PROTOCOL", "-b", "$UPLOAD_SPEED", "-D"],
    UPLOADCMD='$UPLOADER $UPLOADERFLAGS -P "$UPLOAD_PORT" -U flash:w:$SOURCES:i',
)
if int(ARGUMENTS.get("PIOVERBOSE", 0)):
    env.Append(UPLOADERFLAGS=["-v"])


def find_port(target, source, env):
    """Name the port. A program that is its own USB port is asked for its bootloader, whose port comes then."""
    env.AutodetectUploadPort()
    if not board.get("upload.use_1200bps_touch", False):
        return
    before = list_serial_ports()
    env.TouchSerialPort("$UPLOAD_PORT", 1200)
    if board.get("upload.wait_for_upload_port", False):
        env.Replace(UPLOAD_PORT=env.WaitForNewSerialPort(before))


env.Alias(
    "upload",
    image,
    [
        env.VerboseAction(find_port, "Looking for upload port..."),
        env.VerboseAction("$UPLOADCMD", "Uploading $SOURCE"),
    ],
)
AlwaysBuild("upload")
Default([image])
