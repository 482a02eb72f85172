"""JSON and dictionaries. PYTHONMALLOC=malloc makes every object a block of its own."""
import json
import sys

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 60


def record(number):
    return {
        "id": number,
        "name": f"record {number}",
        "tags": [f"tag {number * step % 97}" for step in range(8)],
        "nested": {str(key): [key, key * 1.5, None, True] for key in range(6)},
    }


total = 0
for round_number in range(ROUNDS):
    records = [record(number) for number in range(1000)]
    text = json.dumps(records)
    parsed = json.loads(text)
    index = {}
    for entry in parsed:
        for tag in entry["tags"]:
            index.setdefault(tag, []).append(entry["name"])
    total += len(text) + sum(len(names) for names in index.values())
print(f"total={total}")
