# Runs in a desktop: once a second a white screen and a beep of 1 kHz, at the moment at which the beep is played by what the sound server
# says of its delay. With "tone" as argument: 440 Hz until it is killed.
import array
import ctypes
import math
import sys
import threading

RATE, PIECE = 48000, 480
PLAYBACK, S16LE = 1, 3


class Format(ctypes.Structure):
    _fields_ = [("format", ctypes.c_int), ("rate", ctypes.c_uint32), ("channels", ctypes.c_uint8)]


class Buffering(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("maxlength", "tlength", "prebuf", "minreq", "fragsize")]


pulse = ctypes.CDLL("libpulse-simple.so.0")
pulse.pa_simple_new.restype = ctypes.c_void_p
pulse.pa_simple_get_latency.restype = ctypes.c_uint64
x11 = ctypes.CDLL("libX11.so.6")
x11.XOpenDisplay.restype = ctypes.c_void_p
x11.XDefaultRootWindow.restype = ctypes.c_ulong


def piece(hertz, number):
    samples = array.array("h")
    for i in range(number * PIECE, (number + 1) * PIECE):
        value = int(12000 * math.sin(2 * math.pi * hertz * i / RATE)) if hertz else 0
        samples.extend((value, value))
    return samples.tobytes()


class Screen:
    def __init__(self):
        self.display = ctypes.c_void_p(x11.XOpenDisplay(None))
        self.root = ctypes.c_ulong(x11.XDefaultRootWindow(self.display))

    def paint(self, colour):
        x11.XSetWindowBackground(self.display, self.root, ctypes.c_ulong(colour))
        x11.XClearWindow(self.display, self.root)
        x11.XFlush(self.display)


def main():
    whole = ctypes.c_uint32(-1).value
    delay = 40 * RATE // 1000 * 4
    error = ctypes.c_int()
    stream = ctypes.c_void_p(pulse.pa_simple_new(
        None, b"beep", PLAYBACK, None, b"beep", ctypes.byref(Format(S16LE, RATE, 2)), None,
        ctypes.byref(Buffering(whole, delay, whole, PIECE * 4, whole)), ctypes.byref(error)))
    if not stream:
        sys.exit(f"no sound server: {error.value}")
    tone = sys.argv[1:] == ["tone"]
    screen = None if tone else Screen()
    number = 0
    while True:
        beep = number % 100 < 10
        if not tone and number % 100 in (0, 10):
            late = pulse.pa_simple_get_latency(stream, None) / 1e6
            threading.Timer(late, screen.paint, [0xFFFFFF if beep else 0x101010]).start()
        data = piece(440 if tone else 1000 if beep else 0, number)
        pulse.pa_simple_write(stream, data, ctypes.c_size_t(len(data)), None)
        number += 1


main()
