# Runs in a desktop: puts the pointer somewhere, as programs do that drive one. Without a place it prints where the pointer is.
import ctypes
import sys

x11 = ctypes.CDLL("libX11.so.6")
x11.XOpenDisplay.restype = ctypes.c_void_p
x11.XDefaultRootWindow.restype = ctypes.c_ulong
display = ctypes.c_void_p(x11.XOpenDisplay(None))
root = ctypes.c_ulong(x11.XDefaultRootWindow(display))
if len(sys.argv) > 1:
    x11.XWarpPointer(display, ctypes.c_ulong(0), root, 0, 0, 0, 0, int(sys.argv[1]), int(sys.argv[2]))
    x11.XSync(display, 0)
else:
    windows = ctypes.c_ulong(), ctypes.c_ulong()
    numbers = [ctypes.c_int() for _ in range(4)]
    mask = ctypes.c_uint()
    x11.XQueryPointer(display, root, *map(ctypes.byref, (*windows, *numbers, mask)))
    print(numbers[0].value, numbers[1].value)
