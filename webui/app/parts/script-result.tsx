// What a script printed and drew, and how it ended.

import type { ScriptOutput, ScriptResult } from "../api/types";
import { duration } from "../quantity";
import { usePicture } from "./picture";

export function ScriptResultView({ result }: { result: ScriptResult }) {
  return (
    <>
      {result.output.map((output, i) => (
        <Output key={i} output={output} />
      ))}
      <Ending result={result} />
    </>
  );
}

function Output({ output }: { output: ScriptOutput }) {
  if (output.kind === "println") return <pre class="printed">{output.value}</pre>;
  const address = safeAddress(output.url);
  if (address === null)
    return <p class="failure">{`The address of ${output.path} leads elsewhere and was not followed.`}</p>;
  return <Graph address={address} output={output} />;
}

type Drawn = Extract<ScriptOutput, { kind: "image" }>;

function Graph({ address, output }: { address: string; output: Drawn }) {
  const picture = usePicture(address);
  if (picture === null) return <p class="waiting">{`Fetching ${output.path || output.basename}`}</p>;
  return (
    <figure class="graph">
      <figcaption>
        <bdi>{output.path || output.basename}</bdi>
        <a href={picture} target="_blank" rel="noopener noreferrer">
          Open alone
        </a>
      </figcaption>
      <img src={picture} alt={`Graph ${output.basename}, drawn by the script`} />
    </figure>
  );
}

function Ending({ result }: { result: ScriptResult }) {
  const elapsed = duration(result.elapsed * 1e6);
  if (result.status === "ok") return <p class="ending ok">{`Finished in ${elapsed}`}</p>;
  return (
    <div class="ending bad" role="alert" data-testid="script-error">
      <p class="ending-head">
        {place(result)}
        <span class="ending-time">{`after ${elapsed}`}</span>
      </p>
      <pre>{result.message ?? "the service gave no message"}</pre>
    </div>
  );
}

function place({ line, column }: ScriptResult): string {
  if (!line) return "The script failed";
  return column ? `Error in line ${line}, column ${column}` : `Error in line ${line}`;
}

/** An image is loaded from this service or not at all; as an image, an SVG can't run anything. */
export function safeAddress(url: string, here: string = location.href): string | null {
  try {
    const address = new URL(url, here);
    return address.origin === new URL(here).origin && address.protocol.startsWith("http") ? address.href : null;
  } catch {
    return null;
  }
}
