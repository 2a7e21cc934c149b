import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import "./dialog.css";

interface Props {
    title: string;
    children: ComponentChildren;
    /** Escape, or a press outside. */
    onClose: () => void;
}

/** A modal dialog: the browser's own, which keeps focus inside and gives it back. */
export function Dialog({ title, children, onClose }: Props) {
    const element = useRef<HTMLDialogElement>(null);
    const id = useId();

    useEffect(() => {
        const dialog = element.current;
        dialog?.showModal();
        return () => dialog?.close();
    }, []);

    return (
        <dialog
            ref={element}
            class="dialog"
            aria-labelledby={id}
            onCancel={(event) => {
                event.preventDefault();
                onClose();
            }}
            onPointerDown={(event) => {
                if (event.target === element.current) {
                    onClose();
                }
            }}
        >
            <div class="dialog-body">
                <h2 id={id}>{title}</h2>
                {children}
            </div>
        </dialog>
    );
}
