import { renderToStaticMarkup } from "react-dom/server";
import { expect, it } from "vitest";
import type { MarkedPrint } from "../../domain/events";
import { markedColumns } from "./columns";

it("sets a print against the quoted size of its own side, and against none where its side is not known", () => {
  const column = markedColumns.find((c) => c.id === "size");
  const size = (more: Partial<MarkedPrint>) =>
    renderToStaticMarkup(column?.cell({ size: 5, bid_size: 500, ask_size: 10, ...more } as MarkedPrint)).replaceAll(
      /<[^>]+>|\s/g,
      "",
    );
  expect(size({ side: "buy", placement: "inside" })).toBe("5/10");
  expect(size({ side: "none", placement: "bid" })).toBe("5/500");
  expect(size({ side: "none", placement: "inside" })).toBe("5/–");
});
