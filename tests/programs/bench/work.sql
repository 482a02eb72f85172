-- Inserts, an index, joins and JSON, all in memory.
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price REAL, kind TEXT);
WITH RECURSIVE counter(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM counter WHERE i < 200000)
INSERT INTO item SELECT i, 'item number ' || i, i * 1.25, 'kind ' || (i * 7919 % 500) FROM counter;
CREATE INDEX item_kind ON item (kind, price);
CREATE TABLE sale (item INTEGER, amount INTEGER, note TEXT);
WITH RECURSIVE counter(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM counter WHERE i < 200000)
INSERT INTO sale SELECT i * 31 % 200000 + 1, i % 17, json_object('at', i, 'tags', json_array('a' || i, 'b' || i)) FROM counter;
SELECT count(*), sum(length(name)) FROM item WHERE name LIKE '%99%';
SELECT kind, count(*), sum(price * amount) FROM item JOIN sale ON sale.item = item.id GROUP BY kind ORDER BY 3 DESC LIMIT 5;
SELECT sum(json_extract(note, '$.at')), max(json_extract(note, '$.tags[1]')) FROM sale;
SELECT count(DISTINCT upper(name) || '/' || lower(kind)) FROM item;
