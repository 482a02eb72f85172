//! How much memory the process has of its own.

use std::fs;
use std::sync::LazyLock;

/// Size of a page, as the kernel told this process when it started.
static PAGE_BYTES: LazyLock<u64> = LazyLock::new(|| page_bytes().unwrap_or(4096));

/// Bytes of anonymous memory that the process uses; `None` where the kernel doesn't say.
pub(crate) fn anonymous_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = statm.split_ascii_whitespace().skip(1).map(|field| field.parse::<u64>().ok());
    let (resident, of_files) = (pages.next()??, pages.next()??);
    Some(resident.saturating_sub(of_files) * *PAGE_BYTES)
}

fn page_bytes() -> Option<u64> {
    const AT_PAGESZ: u64 = 6;
    let auxiliary = fs::read("/proc/self/auxv").ok()?;
    let (words, _) = auxiliary.as_chunks::<8>();
    let mut pairs =
        words.chunks_exact(2).map(|pair| [u64::from_ne_bytes(pair[0]), u64::from_ne_bytes(pair[1])]);
    pairs.find(|[key, _]| *key == AT_PAGESZ).map(|[_, value]| value).filter(|bytes| bytes.is_power_of_two())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allocated_and_written_shows() {
        let before = anonymous_bytes().unwrap();
        let block = vec![1_u8; 64 << 20];
        let after = anonymous_bytes().unwrap();
        assert_eq!(block.len(), 64 << 20);
        assert!(after >= before + (48 << 20), "{before} → {after}");
    }
}
