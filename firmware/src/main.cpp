// The composition root: one board over whichever machine this is built for.
#include "board/board.h"
#include "hal/hal.h"

namespace {

qcot::Board board;

}  // namespace

void qcot::hal::sampled(const Reading& reading) { board.sampled(reading); }

#if defined(ARDUINO) && !defined(__AVR__)

// A core that has threads of its own calls these.
void setup() {
    qcot::hal::begin(0, nullptr);
    board.begin();
}

void loop() {
    qcot::hal::running();
    qcot::hal::networked(board.enrolled());
    qcot::hal::idle(board.poll());
}

#else

int main(int argc, char** argv) {
    qcot::hal::begin(argc, argv);
    board.begin();
    while (qcot::hal::running()) {
        qcot::hal::networked(board.enrolled());
        qcot::hal::idle(board.poll());
    }
    return 0;
}

#endif
