/** The way out of a pointer lock. */
export function PointerNotice() {
    return (
        <div class="pointer-notice" role="status">
            The mouse is held by the desktop. Press <kbd>Esc</kbd> or <kbd>Ctrl</kbd> + <kbd>Alt</kbd> + <kbd>Shift</kbd>{" "}
            to let it go.
        </div>
    );
}
