from platformio.platform.base import PlatformBase


class AtmelavrPlatform(PlatformBase):
    """AVR boards, with the tools that the distribution put on the path."""

    def is_embedded(self):
        return True
