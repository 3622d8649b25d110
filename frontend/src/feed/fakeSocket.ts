/** For tests: a WebSocket whose frames a test sends, and the hello that begins them. */
import type { ConnectionHandlers } from "./connection";

export class Socket {
  static all: Socket[] = [];
  static readonly last = (): Socket => Socket.all[Socket.all.length - 1] as Socket;
  static readonly make = (): WebSocket => new Socket() as unknown as WebSocket;

  readyState = 1;
  sent: Record<string, unknown>[] = [];
  onmessage: ((m: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;

  constructor() {
    Socket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.readyState = 3;
    this.onclose?.();
  }

  frame(value: unknown): void {
    this.onmessage?.({ data: JSON.stringify(value) });
  }
}

export const hello = (more: object = {}) => ({
  hello: { dataset: "d", clock: "synthetic", partitions: 2, run: "r1", ...more },
});

const nothing = () => undefined;
export const quiet: ConnectionHandlers = { state: nothing, hello: nothing, status: nothing, refused: nothing };
