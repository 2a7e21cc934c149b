/** The keys whose effect in the browser is a paste event: the one way to its clipboard that needs no permission. */
export function letsPaste(event: KeyboardEvent): boolean {
    const chord = event.code === "KeyV" && (event.ctrlKey || event.metaKey) && !event.altKey;
    return chord || (event.code === "Insert" && event.shiftKey && !event.ctrlKey && !event.altKey);
}
