import "./recording-mark.css";

interface Props {
    on: boolean;
    failed: boolean;
}

/** Everybody who watches sees that it is recorded, and when that has stopped by itself. */
export function RecordingMark({ on, failed }: Props) {
    if (!on && !failed) {
        return null;
    }
    return (
        <div class="recording-mark" role="status" data-on={on}>
            {on ? "Recording" : "The recording has stopped: it can't be written"}
        </div>
    );
}
