//! The large types made on the heap, in userspace only: they would not fit on a stack.

use alloc::boxed::Box;

use crate::state::{Identities, State};
use crate::table::Tables;

impl Tables {
    /// Empty tables on the heap: every access is allowed and observed.
    #[expect(unsafe_code, reason = "1.3 MB would overflow the stack before a safe initialiser could move it")]
    pub fn boxed() -> Box<Tables> {
        let tables = Box::<Tables>::new_zeroed();
        // SAFETY: `Tables` is made of arrays of shared integers (`cell`); zeros are valid in all.
        unsafe { tables.assume_init() }
    }
}

impl Identities {
    /// Identities on the heap in which nobody is placed.
    #[expect(unsafe_code, reason = "1.7 MB would overflow the stack before a safe initialiser could move it")]
    pub fn boxed() -> Box<Identities> {
        let identities = Box::<Identities>::new_zeroed();
        // SAFETY: `Identities` is made of arrays of shared integers (`cell`); zeros are valid in all.
        unsafe { identities.assume_init() }
    }
}

impl State {
    /// An empty state on the heap: nobody is placed, everything is allowed and observed, the generation is 2.
    #[expect(unsafe_code, reason = "80 MB would overflow the stack before a safe initialiser could move it")]
    pub fn boxed() -> Box<State> {
        let state = Box::<State>::new_zeroed();
        // SAFETY: every field of `State`, down to the last table entry, is a shared integer (`cell`) or an array of them
        // (entries hold numbers, not enums); zeros are valid in all.
        let state = unsafe { state.assume_init() };
        state.publish();
        state
    }
}
