//! Where encoded bytes go.

/// Takes encoded bytes. Implementations decide what happens when there is no room; they must not panic.
pub trait Output {
    /// Appends `bytes`.
    fn put(&mut self, bytes: &[u8]);
}

impl Output for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Writes into memory of a fixed size and remembers whether it was enough.
#[derive(Debug)]
pub struct SliceOutput<'a> {
    slice: &'a mut [u8],
    written: usize,
    overflowed: bool,
}

impl<'a> SliceOutput<'a> {
    /// Starts writing at the start of `slice`.
    pub fn new(slice: &'a mut [u8]) -> Self {
        Self { slice, written: 0, overflowed: false }
    }

    /// Whether something did not fit. What was written before it is not a whole event.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// The bytes written; none if something did not fit.
    pub fn finish(self) -> Option<&'a [u8]> {
        let Self { slice, written, overflowed } = self;
        if overflowed { None } else { slice.get(..written) }
    }
}

impl Output for SliceOutput<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.written.saturating_add(bytes.len());
        match self.slice.get_mut(self.written..end) {
            Some(slot) if !self.overflowed => {
                slot.copy_from_slice(bytes);
                self.written = end;
            }
            _ => self.overflowed = true,
        }
    }
}

/// Counts bytes and drops them.
#[derive(Default)]
pub(crate) struct Counter(pub(crate) usize);

impl Output for Counter {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0 = self.0.saturating_add(bytes.len());
    }
}
