"""SCons from the Python environment, where PlatformIO looks for a package of its own."""

from SCons.Script import main

if __name__ == "__main__":
    main()
