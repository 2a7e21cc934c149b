import { useStore } from "../app/store";
import { Icon } from "../components/icon";
import { Menu, MenuItem } from "../components/menu";
import { type KeyboardSettings, LAYOUTS } from "../input/preferences";
import "./input-menu.css";

export interface InputMenuProps {
    settings: KeyboardSettings;
    apple: boolean;
    typing: boolean;
    keyBar: boolean;
    onTyping: () => void;
    onKeyBar: () => void;
    onPointerLock: () => void;
    onOpen: (open: boolean) => void;
}

/** How keys and the pointer reach the desktop. */
export function InputMenu({ settings, apple, onOpen, ...props }: InputMenuProps) {
    const { mode, layout, commandIsControl, optionTypes } = useStore(settings);
    return (
        <Menu
            face={<Icon name="keyboard" />}
            label="Keyboard and pointer"
            className="toolbar-button"
            align="left"
            onOpen={onOpen}
        >
            {(close) => {
                const and = (action: () => void) => () => {
                    close();
                    action();
                };
                return (
                    <div class="input-menu">
                        <MenuItem icon="keyboard" onSelect={and(props.onTyping)}>
                            {props.typing ? "Hide the text field" : "Type text"}
                        </MenuItem>
                        <MenuItem icon="command" onSelect={and(props.onKeyBar)}>
                            {props.keyBar ? "Hide the key bar" : "Key bar"}
                        </MenuItem>
                        <MenuItem icon="mouse" onSelect={and(props.onPointerLock)}>Hold the mouse</MenuItem>
                        <hr class="menu-line" />
                        <p class="menu-heading">A key types</p>
                        <MenuItem
                            checked={mode === "characters"}
                            onSelect={() => settings.change({ mode: "characters" })}
                        >
                            What my keyboard shows
                        </MenuItem>
                        <MenuItem checked={mode === "places"} onSelect={() => settings.change({ mode: "places" })}>
                            What the desktop's layout says
                        </MenuItem>
                        {apple && (
                            <>
                                <MenuItem
                                    checked={commandIsControl}
                                    onSelect={() => settings.change({ commandIsControl: !commandIsControl })}
                                >
                                    ⌘ acts as Ctrl
                                </MenuItem>
                                <MenuItem
                                    checked={optionTypes}
                                    onSelect={() => settings.change({ optionTypes: !optionTypes })}
                                >
                                    ⌥ types characters
                                </MenuItem>
                            </>
                        )}
                        <label class="input-menu-layout">
                            <span class="menu-heading">The desktop's layout</span>
                            <select
                                value={layout}
                                onChange={(event) => settings.change({ layout: event.currentTarget.value })}
                                onKeyDown={(event) => event.key !== "Escape" && event.stopPropagation()}
                            >
                                <option value="">As it is</option>
                                {LAYOUTS.map(([name, title]) => <option key={name} value={name}>{title}</option>)}
                            </select>
                        </label>
                    </div>
                );
            }}
        </Menu>
    );
}
