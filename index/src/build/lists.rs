//! Records that are taken apart: a list for each of their fields.

use bytehound_store::Scratch;

use crate::IndexError;

/// Lists of numbers that grow side by side: one for each field of a record.
pub(super) trait Lists: Sized + Send + 'static {
    /// What the lists have one number each of.
    type Record: Copy + Send + 'static;
    /// The lists when they are whole.
    type Whole;

    /// Empty lists.
    fn new(scratch: &Scratch) -> Result<Self, IndexError>;

    /// Takes records apart.
    fn append(&mut self, records: &[Self::Record]) -> Result<(), IndexError>;

    /// Ends the lists.
    fn finish(self) -> Result<Self::Whole, IndexError>;
}

/// A record, lists of its fields, and the same when they are whole.
macro_rules! lists {
    (
        $(#[$record_doc:meta])* $record:ident, $(#[$growing_doc:meta])* $growing:ident,
        $(#[$whole_doc:meta])* $whole:ident, {$($name:ident: $type:ty),* $(,)?}
    ) => {
        $(#[$record_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) struct $record { $(pub(super) $name: $type),* }

        $(#[$growing_doc])*
        pub(super) struct $growing { $($name: bytehound_store::PackedVec<$type>),* }

        $(#[$whole_doc])*
        pub(super) struct $whole { $(pub(super) $name: bytehound_store::PackedList<$type>),* }

        impl $growing {
            /// As [`Lists::append`], for what the record is a part of.
            fn append_parts<R>(
                &mut self,
                all: &[R],
                part: impl Fn(&R) -> &$record,
            ) -> Result<(), $crate::IndexError> {
                $(self.$name.extend(all, |whole| part(whole).$name)?;)*
                Ok(())
            }
        }

        impl Lists for $growing {
            type Record = $record;
            type Whole = $whole;

            fn new(scratch: &bytehound_store::Scratch) -> Result<Self, $crate::IndexError> {
                Ok(Self { $($name: bytehound_store::PackedVec::new(scratch)?),* })
            }

            fn append(&mut self, records: &[$record]) -> Result<(), $crate::IndexError> {
                self.append_parts(records, |record| record)
            }

            fn finish(self) -> Result<$whole, $crate::IndexError> {
                Ok($whole { $($name: self.$name.finish()?),* })
            }
        }
    };
}
pub(super) use lists;
