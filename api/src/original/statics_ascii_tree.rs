//! `GET /data/{id}/dynamic_constants_ascii_tree` and `/dynamic_statics_ascii_tree`

use super::page::unread;
use super::static_initializers::{Kind, Places, Sum};
use super::text_table::{Table, bytes};
use super::{Answer, TEXT, streamed};
use crate::state::Api;
use actix_web::HttpRequest;
use std::cmp::Reverse;

/// What constants have allocated, as text.
pub(crate) async fn dynamic_constants_ascii_tree(api: Api, request: HttpRequest) -> Answer {
    answer(api, request, Kind::Constants).await
}

/// What all other statics have.
pub(crate) async fn dynamic_statics_ascii_tree(api: Api, request: HttpRequest) -> Answer {
    answer(api, request, Kind::Others).await
}

async fn answer(api: Api, request: HttpRequest, kind: Kind) -> Answer {
    streamed(&api, &request, TEXT, move |profile, writer, cancel| {
        table(&Places::of(profile, kind, cancel)?).write(writer).map_err(unread)
    })
    .await
}

/// Files, and the lines of those that have many, the largest first.
fn table(places: &Places) -> Table<3> {
    let mut table = Table::new(["SIZE", "COUNT", "SOURCE"]);
    table.push(row(places.sum, "▒".to_owned()));
    let mut files: Vec<_> = places.per_file.iter().collect();
    files.sort_by_key(|(_, file)| Reverse(file.sum.size));
    for (index, (path, file)) in files.iter().enumerate() {
        let is_last = index + 1 == files.len();
        let name = path.rsplit('/').next().unwrap_or(path);
        let bar = if is_last { ' ' } else { '|' };
        if let [(line, sum)] = file.per_line.iter().collect::<Vec<_>>().as_slice() {
            table.push(row(**sum, format!("{bar}─ {name}:{line} [{path}]")));
            continue;
        }
        table.push(row(file.sum, format!("{}─ {name} [{path}]", branch(is_last))));
        let mut lines: Vec<_> = file.per_line.iter().collect();
        lines.sort_by_key(|(_, sum)| Reverse(sum.size));
        for (index, (line, sum)) in lines.iter().enumerate() {
            let branch = branch(index + 1 == lines.len());
            table.push(row(**sum, format!("{bar} {branch}─ {name}:{line}")));
        }
    }
    table
}

fn row(sum: Sum, source: String) -> [String; 3] {
    [bytes(sum.size), sum.count.to_string(), source]
}

fn branch(is_last: bool) -> char {
    if is_last { '└' } else { '├' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_lines_are_rows() {
        let mut places = Places::default();
        for (source, line, size) in
            [("/x/a.cpp", 1, 10), ("/x/b.cpp", 2, 500), ("/x/b.cpp", 9, 2000), ("c", 3, 1)]
        {
            places.add(source, line, size);
        }
        let mut text = Vec::new();
        table(&places).write(&mut text).unwrap();
        let expected = "\
SIZE       COUNT SOURCE
  2.511 KB 4     ▒
  2.500 KB 2     ├─ b.cpp [/x/b.cpp]
  2.000 KB 1     | ├─ b.cpp:9
    500    1     | └─ b.cpp:2
     10    1     |─ a.cpp:1 [/x/a.cpp]
      1    1      ─ c:3 [c]

";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
