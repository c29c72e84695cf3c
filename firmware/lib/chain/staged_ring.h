// A ring in two parts, for a memory that no interrupt can wait for: samples land in a stage in RAM, and the main loop carries
// them over to the store behind it. Without a store the stage is all there is.
#pragma once

#include "ring.h"

namespace qcot {

template <typename Stage, typename Store>
class StagedRing {
    using Staged = Ring<Stage>;
    using Stored = Ring<Store>;

public:
    using Cursor = typename Stored::Cursor;

    // Looks for the store; before anything else, and once.
    void begin() {
        store_.storage().begin();
        stored_ = store_.storage().size() != 0;
    }
    bool store_missing() const { return !stored_; }
    // It has stopped to keep what it is given, so what is in it is as good as gone: the board has to start anew.
    bool store_broken() const { return broken_; }

    void push(const Reading& reading) { stage_.push(reading); }

    // Moves one reading to the store, if there is one and it has room: what it has no room for stays and fills the stage.
    bool carry() {
        if (!stored_ || broken_ || next_.seq == stage_.head() || !store_.has_room()) return false;
        Reading reading;
        stage_.read(next_, reading);
        store_.push(reading);
        broken_ = store_.overflowing();
        stage_.release(next_);
        return true;
    }

    uint32_t head() const { return stored_ ? store_.head() : stage_.head(); }
    uint32_t lost() const { return stage_.lost(); }
    bool overflowing() const { return stage_.overflowing(); }

    void read(Cursor& cursor, Reading& out) const { stored_ ? store_.read(cursor, out) : stage_.read(cursor, out); }
    void skip(Cursor& cursor) const { stored_ ? store_.skip(cursor) : stage_.skip(cursor); }
    void release(const Cursor& cursor) { stored_ ? store_.release(cursor) : stage_.release(cursor); }

private:
    Staged stage_;
    Stored store_;
    Cursor next_;  // of the stage: the first reading that was not carried over
    bool stored_ = false;
    bool broken_ = false;
};

}  // namespace qcot
