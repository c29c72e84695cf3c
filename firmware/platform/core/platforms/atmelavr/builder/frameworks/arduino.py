"""Builds the Arduino core of the distribution's package arduino-core-avr."""

from pathlib import Path

from SCons.Script import DefaultEnvironment

env = DefaultEnvironment()
board = env.BoardConfig()
package = Path("/usr/share/arduino/hardware/arduino/avr")
core = package / "cores" / board.get("build.core")
variant = package / "variants" / board.get("build.variant")
if not core.is_dir():
    env.Exit(f"error: {core} is missing: install the package arduino-core-avr")

env.Append(
    CPPDEFINES=[("ARDUINO", 10819), "ARDUINO_ARCH_AVR"],
    CPPPATH=[str(core), str(variant)],
    LIBSOURCE_DIRS=[str(package / "libraries")],
)

if "build.usb_product" in board:
    vendor, product = board.get("build.hwids")[1]  # of a sketch; the first is the bootloader's
    name = board.get("build.usb_product")
    env.Append(CPPDEFINES=[("USB_VID", vendor), ("USB_PID", product), ("USB_PRODUCT", f'\\"{name}\\"')])

# avr-gcc 5.4 has no DECIMAL_DIG in its float.h under C++11, and WString.cpp wants it.
scope = env.Clone()
scope.Append(CPPDEFINES=[("DECIMAL_DIG", "__DECIMAL_DIG__")], CCFLAGS=["-w"], CXXFLAGS=["-fpermissive"])
env.Prepend(LIBS=[scope.BuildLibrary("$BUILD_DIR/FrameworkArduino", str(core))])
