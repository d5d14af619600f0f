"""A receiver that takes every delivery at once. When it is told to stop it says how many a second."""

import asyncio
import signal
import sys
import time

times = []


async def take(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(int(lengths[0].split(b":")[1]))
            if head.startswith(b"POST /events "):
                times.append(time.monotonic())
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
        writer.close()


async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await asyncio.start_server(take, "127.0.0.1", int(sys.argv[1]))
    await stop.wait()
    took = times[-1] - times[0] if len(times) > 1 else 0
    print(f"{len(times)} in {took:.1f} s, {len(times) / took if took else 0:.0f} a second")


asyncio.run(main())
