import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icon";
import "./menu.css";

interface MenuProps {
    /** What the button shows. */
    face: ComponentChildren;
    label: string;
    className: string;
    align?: "left" | "right";
    onOpen?: (open: boolean) => void;
    children: (close: () => void) => ComponentChildren;
}

/** A button with a menu (WAI-ARIA menu button): arrows move, Escape and a press elsewhere close. */
export function Menu({ face, label, className, align = "right", onOpen, children }: MenuProps) {
    const [open, setOpen] = useState(false);
    const root = useRef<HTMLDivElement>(null);
    const button = useRef<HTMLButtonElement>(null);

    const change = (next: boolean) => {
        setOpen(next);
        onOpen?.(next);
    };
    const close = () => {
        change(false);
        button.current?.focus();
    };

    useEffect(() => {
        if (!open) {
            return;
        }
        itemsOf(root.current)[0]?.focus();
        const outside = (event: PointerEvent) => {
            if (!root.current?.contains(event.target as Node)) {
                change(false);
            }
        };
        addEventListener("pointerdown", outside, true);
        return () => removeEventListener("pointerdown", outside, true);
    }, [open]);

    return (
        <div class="menu" ref={root} onKeyDown={(event) => open && moveFocus(event, root.current, close)}>
            <button
                ref={button}
                type="button"
                class={className}
                aria-haspopup="menu"
                aria-expanded={open}
                aria-label={label}
                title={label}
                onClick={() => change(!open)}
            >
                {face}
            </button>
            {open && <div class={`menu-list menu-${align}`} role="menu" aria-label={label}>{children(close)}</div>}
        </div>
    );
}

function itemsOf(root: HTMLElement | null): HTMLElement[] {
    return [...(root?.querySelectorAll<HTMLElement>('[role^="menuitem"]') ?? [])];
}

function moveFocus(event: KeyboardEvent, root: HTMLElement | null, close: () => void): void {
    const items = itemsOf(root);
    const current = items.indexOf(document.activeElement as HTMLElement);
    const target: Record<string, number> = {
        ArrowDown: (current + 1) % items.length,
        ArrowUp: (current - 1 + items.length) % items.length,
        Home: 0,
        End: items.length - 1,
    };
    const index = target[event.key];
    if (index !== undefined) {
        event.preventDefault();
        items[index]?.focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
        event.preventDefault();
        close();
    }
}

interface ItemProps {
    icon?: IconName;
    hint?: string;
    checked?: boolean;
    danger?: boolean;
    onSelect: () => void;
    children: ComponentChildren;
}

export function MenuItem({ icon, hint, checked, danger = false, onSelect, children }: ItemProps) {
    return (
        <button
            type="button"
            class={danger ? "menu-item menu-item-danger" : "menu-item"}
            role={checked === undefined ? "menuitem" : "menuitemradio"}
            aria-checked={checked}
            tabIndex={-1}
            onClick={onSelect}
        >
            {checked === undefined ? icon !== undefined && <Icon name={icon} /> : (
                <span class="menu-mark">{checked && <Icon name="check" />}</span>
            )}
            <span>{children}</span>
            {hint !== undefined && <kbd>{hint}</kbd>}
        </button>
    );
}
