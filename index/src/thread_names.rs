//! How threads are called.

use crate::Profile;

impl Profile {
    /// The name that a thread had at a moment: what the capture told last of it until then, or else what it told first, since
    /// names are told some time after a thread began. `None` if it never told one.
    #[must_use]
    pub fn thread_name(&self, thread: u32, at_us: u64) -> Option<&str> {
        let columns = self.columns();
        let names = columns.thread_names;
        let before = names.partition_point(|name| name.thread < thread);
        let later = names.partition_point(|name| name.thread <= thread);
        let names = names.get(before..later)?;
        let told = names.partition_point(|name| name.time <= at_us);
        columns.string(names.get(told.saturating_sub(1))?.name)
    }
}
