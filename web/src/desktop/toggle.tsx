import { Icon, type IconName } from "../components/icon";

interface Props {
    icon: IconName;
    label: string;
    /** More than the label says: its keys, or why it is as it is. */
    detail?: string;
    pressed: boolean;
    disabled?: boolean;
    /** For the style of a control with more than two states. */
    look?: string;
    state?: string;
    onPress: () => void;
}

/** A control of the toolbar that turns something on and off. */
export function Toggle({ icon, label, detail = "", pressed, disabled = false, look = "", state, onPress }: Props) {
    return (
        <button
            type="button"
            class={`toolbar-button ${look}`}
            data-state={state}
            aria-label={label}
            title={detail === "" ? label : `${label}. ${detail}`}
            aria-pressed={pressed}
            disabled={disabled}
            onClick={onPress}
        >
            <Icon name={icon} />
        </button>
    );
}
