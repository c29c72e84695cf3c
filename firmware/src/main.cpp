// The composition root: one board over whichever machine this is built for.
#include "board/board.h"
#include "hal/hal.h"

namespace {

qcot::Board board;

}  // namespace

void qcot::hal::sampled(const Reading& reading) { board.sampled(reading); }

int main(int argc, char** argv) {
    qcot::hal::begin(argc, argv);
    board.begin();
    while (qcot::hal::running()) {
        qcot::hal::networked(board.enrolled());
        qcot::hal::idle(board.poll());
    }
    return 0;
}
