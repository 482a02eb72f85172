//! The nodes that a thread met last: most frames are found here, without a look at the shared table.

use bytehound_format::v2::Caller;
use bytehound_format::v2::batch::Node;

use crate::region::Region;
use crate::stacks::{hash, pack};

const LEN: usize = 2048;

/// A thread's own memory of nodes. Zeroed memory is an empty one.
#[derive(Debug)]
pub struct Recent([Entry; LEN]);

#[derive(Clone, Copy, Debug)]
struct Entry {
    address: u64,
    caller: u32,
    node: u32,
}

impl Recent {
    /// As [`crate::Stacks::child`].
    #[inline(always)]
    pub fn child(&mut self, region: &Region, caller: Caller, address: u64) -> Node {
        let word = pack(caller);
        let entry = &mut self.0[(hash(word, address) >> 32) as usize % LEN];
        if entry.address != address || entry.caller != word {
            let Node(node) = region.stacks().child(region, caller, address);
            *entry = Entry { address, caller: word, node };
        }
        Node(entry.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::tests::region;

    #[test]
    fn what_is_remembered_is_what_the_table_says() {
        let region = region(8 << 20);
        let mut recent = Box::new(Recent([Entry { address: 0, caller: 0, node: 0 }; LEN]));
        for round in 0..3 {
            for n in 1..10_000_u64 {
                let caller = Caller::None { generation: (n % 7) as u32 };
                let node = recent.child(region, caller, n * 16);
                assert_eq!(region.stacks().get(region, node), Some((caller, n * 16)), "round {round}");
            }
        }
        assert_eq!(region.stacks().next(), Node(Node::FIRST.0 + 9_999));
    }
}
