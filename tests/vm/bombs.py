# Runs in a sandbox, started with its desktop: waits for the word, then takes processes, processor time and memory that it should not get.
import os
import signal
import time

HOME = "/home/user"


def processes():
    children = []
    try:
        for _ in range(2000):
            pid = os.fork()
            if pid == 0:
                time.sleep(600)
            children.append(pid)
        return "all"
    except BlockingIOError:
        return "refused"
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def processor():
    start, used = time.monotonic(), time.process_time()
    while time.monotonic() - start < 5:
        pass
    return (time.process_time() - used) / (time.monotonic() - start)


while not os.path.exists(f"{HOME}/go"):
    time.sleep(0.2)
with open(f"{HOME}/result", "w") as result:
    print(processes(), round(processor(), 2), file=result)
# Files that no end of a program gives back.
with open("/dev/shm/hog", "wb") as hog:
    while True:
        hog.write(bytes(1 << 20))
