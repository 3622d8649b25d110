"""The yardstick of `bench gateway`: the WebSocket library alone, sending one text to every client as fast as it can."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, serve


async def _main(port: int, size: int, clients: int) -> None:
    text = "x" * size
    connected: list[ServerConnection] = []
    everybody = asyncio.Event()

    async def handle(connection: ServerConnection) -> None:
        connected.append(connection)
        if len(connected) == clients:
            everybody.set()
        await connection.wait_closed()

    async with serve(handle, "127.0.0.1", port, compression=None, ping_interval=None):
        await everybody.wait()
        while True:
            for connection in connected:
                await connection.send(text)
            await asyncio.sleep(0)


if __name__ == "__main__":
    uvloop.run(_main(*map(int, sys.argv[1:4])))
