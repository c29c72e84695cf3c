"""A simulated board that is the native build: the same core and main loop on this machine, for load."""

from __future__ import annotations

from pathlib import Path

from qcot.boards.emulator import Conversion, EmulatedBoard, Setup


class NativeBoard(EmulatedBoard):
    """The native build. Its power is its process."""

    def __init__(self, setup: Setup) -> None:
        """Start the program, unless it is to be off."""
        super().__init__(setup)
        self._boots = 0
        if setup.powered:
            self._begin()

    def _begin(self, *, erase: bool = False) -> None:
        setup = self.setup
        options: list[str | Path] = ["--eeprom", setup.state_dir / "eeprom.bin", "--link", self.port, "--until-eof"]
        options += ["--log", setup.state_dir / f"adc-{self._boots}.log"]
        options += [] if setup.seed is None else ["--seed", str(setup.seed + self._boots)]
        options += ["--erase"] if erase else []
        options += ["--once"] if setup.once else []
        for path in setup.signals.values():
            options += ["--signal", path]
        if network := setup.network:
            options += ["--mqtt", network.broker, "--name", network.name]
            options += ["--site", network.site, "--bridge", network.bridge]
            options += ["--password-file", network.password_file] if network.password_file else []
        for spec in setup.devices:
            options += ["--device", spec]
        self._boots += 1
        self._launch([str(setup.elf), *map(str, options)])

    def reset(self) -> None:
        """Start the program anew."""
        self.power_cycle()

    def power_off(self) -> None:
        """Kill the process."""
        self.kill()

    def power_on(self) -> None:
        """Start the process, if it does not run."""
        if not self.running:
            self._begin()

    def unplug(self) -> None:
        """Kill the process: its port goes with it."""
        self.kill()

    def plug(self) -> None:
        """Start the process."""
        self.power_on()

    def press_erase(self) -> None:
        """Start the program anew with its EEPROM erased."""
        self.kill()
        self._begin(erase=True)

    def adc_log(self) -> list[Conversion]:
        """Every sample so far of this object's board, in order; ``at`` starts anew with each boot."""
        logs = [self.setup.state_dir / f"adc-{boot}.log" for boot in range(self._boots)]
        rows = [line.split() for path in logs if path.exists() for line in path.read_text().splitlines()]
        return [Conversion(int(at), int(channel), int(value)) for channel, value, at in rows]
