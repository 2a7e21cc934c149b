import type { Layer } from "../api/types";
import { Icon, type IconName } from "./icon";
import "./layers.css";

const STATES: Readonly<Record<Layer["state"], { icon: IconName; text: string; order: number }>> = {
    missing: { icon: "cross", text: "Missing", order: 0 },
    weaker: { icon: "warning", text: "Weaker", order: 1 },
    on: { icon: "check", text: "On", order: 2 },
};

/** What separates the sandbox from the host, layer by layer; what needs attention stands first. */
export function Layers({ layers }: { layers: readonly Layer[] }) {
    if (layers.length === 0) {
        return null;
    }
    const on = layers.filter((layer) => layer.state === "on").length;
    const worst = layers.some((layer) => layer.state === "missing")
        ? "missing"
        : on < layers.length ? "weaker" : "on";
    const sorted = [...layers].sort((a, b) => STATES[a.state].order - STATES[b.state].order);
    return (
        <details class="layers">
            <summary>
                <span class={`layers-shield layer-${worst}`}><Icon name="shield" /></span>
                <span>Isolation</span>
                <span class="layers-count">
                    {on === layers.length ? `all ${on} layers on` : `${on} of ${layers.length} layers on`}
                </span>
                <Icon name="chevron" />
            </summary>
            <ul>
                {sorted.map((layer) => (
                    <li key={layer.name} class={`layer layer-${layer.state}`}>
                        <Icon name={STATES[layer.state].icon} />
                        <span class="layer-name">{layer.name}</span>
                        <span class="layer-state">{STATES[layer.state].text}</span>
                        {layer.detail !== "" && <p>{layer.detail}</p>}
                    </li>
                ))}
            </ul>
        </details>
    );
}
