from platformio.platform.base import PlatformBase


class NativePlatform(PlatformBase):
    """The machine itself: no boards, no packages."""

    def is_embedded(self):
        return False
