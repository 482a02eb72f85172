import { describe, expect, it } from "vitest";
import { uploadQuery } from "./api/upload";
import type { Profile } from "./api/types";
import { matches, parseLabels, profileTitle } from "./labels";

const profile: Profile = {
  id: "p_abc",
  data_id: null,
  name: "run-7.dat",
  state: "ready",
  problem: null,
  progress: null,
  labels: { branch: "main", suite: "parse" },
  size_bytes: 1,
  created_at_ms: 0,
  info: null,
};

describe("labels as typed", () => {
  it("are pairs between commas, trimmed", () => {
    expect(parseLabels(" suite = parse , branch=main,").labels).toEqual([
      ["suite", "parse"],
      ["branch", "main"],
    ]);
  });

  it("may hold equals signs and nothing in the value", () => {
    expect(parseLabels("flags=-C opt=3,note=").labels).toEqual([
      ["flags", "-C opt=3"],
      ["note", ""],
    ]);
  });

  it("without a key are quoted back", () => {
    expect(parseLabels("suite=parse, oops").rejected).toBe("oops");
    expect(parseLabels("=x").rejected).toBe("=x");
  });

  it("are encoded in the upload's address", () => {
    expect(
      uploadQuery("a b.dat", [
        ["k", "a&b"],
        ["k2", "c"],
      ]),
    ).toBe("name=a+b.dat&label=k%3Da%26b&label=k2%3Dc");
  });
});

describe("searching the list", () => {
  it("needs every word, in any order and case", () => {
    expect(matches(profile, "PARSE branch=main")).toBe(true);
    expect(matches(profile, "parse branch=dev")).toBe(false);
    expect(matches(profile, "  ")).toBe(true);
  });
});

it("a profile not read yet is called by its file's name", () => expect(profileTitle(profile)).toBe("run-7.dat"));
