"""Interrupt flags behave in the emulator as the data sheet says: the sampler counts on it."""

import subprocess
from pathlib import Path

import pytest
from sketch_board import StartBoard

PROGRAM = """
#include <avr/interrupt.h>
#include <avr/io.h>
#define ADC_ON (1 << ADEN | 7)
ISR(ADC_vect) { GPIOR0 = 1; }
ISR(TIMER1_COMPA_vect) { GPIOR0 = 2; }
int main() {
    sei();
    BODY
    GPIOR0 = 9;
    for (;;) {
    }
}
"""
CONVERT = "ADCSRA = ADC_ON | 1 << ADSC; while (ADCSRA & 1 << ADSC) {}"
COMPARE = "OCR1A = 100; TCCR1B = 1 << CS10; while (!(TIFR1 & 1 << OCF1A)) {}"
CASES = {
    "a conversion that ended while its interrupt was off fires once it is on": (
        f"{CONVERT} ADCSRA = ADC_ON | 1 << ADIE; GPIOR0 = 8;",
        [1, 8, 9],
    ),
    "a 0 leaves the flag": (f"{CONVERT} ADCSRA = ADC_ON; GPIOR0 = ADCSRA >> ADIF & 1;", [1, 9]),
    "a 1 clears it": (f"{CONVERT} ADCSRA = ADC_ON | 1 << ADIF; GPIOR0 = ADCSRA >> ADIF & 1;", [0, 9]),
    "what was cleared does not fire": (
        f"{CONVERT} ADCSRA = ADC_ON | 1 << ADIF; ADCSRA = ADC_ON | 1 << ADIE; GPIOR0 = 8;",
        [8, 9],
    ),
    "a compare that came while its interrupt was off fires once it is on": (
        f"{COMPARE} TIMSK1 = 1 << OCIE1A; GPIOR0 = 8; TIMSK1 = 0;",
        [2, 8, 9],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_flag_is_kept_and_fires_as_on_the_chip(start: StartBoard, tmp_path: Path, name: str) -> None:
    body, marks = CASES[name]
    source, elf = tmp_path / "flags.c", tmp_path / "flags.elf"
    source.write_text(PROGRAM.replace("BODY", body))
    subprocess.run(["avr-gcc", "-mmcu=atmega328p", "-Os", str(source), "-o", str(elf)], check=True)
    board = start(elf=elf, real_time=False)
    board.run_cycles(100_000)
    assert [mark for _, mark in board.marks()][: len(marks)] == marks
