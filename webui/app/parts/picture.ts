// Pictures of the service: a browser fetches them by itself, but shows no token while it does.

import { useEffect, useState } from "preact/hooks";
import { reach } from "../api/request";
import { currentToken } from "../api/token";

/** Where a picture can be had: its own address; if a token is needed, one in this page, once it was fetched. */
export function usePicture(address: string): string | null {
  const isFetched = currentToken() !== null;
  const [fetched, setFetched] = useState<string | null>(null);
  useEffect(() => {
    if (!isFetched) return;
    const controller = new AbortController();
    let url: string | null = null;
    reach(address, { signal: controller.signal })
      .then(async (response) => {
        if (response.ok) setFetched((url = URL.createObjectURL(await response.blob())));
      })
      // The place of the picture stays empty: the script's other output is not lost with it.
      .catch(() => undefined);
    return () => {
      controller.abort();
      if (url !== null) URL.revokeObjectURL(url);
    };
  }, [address, isFetched]);
  return isFetched ? fetched : address;
}
