import type { Rectangle, Size } from "../stream/wire";
import type { Point } from "./sender";

/**
 * Where a picture of `display` stands in `box` (CSS pixels): as large as fits, centred, on whole device
 * pixels, so that a picture of the box's own size is shown without any resampling.
 */
export function fit(display: Size, box: Size, pixelRatio: number): Rectangle {
    const deviceWidth = Math.floor(box.width * pixelRatio);
    const deviceHeight = Math.floor(box.height * pixelRatio);
    const scale = Math.min(deviceWidth / display.width, deviceHeight / display.height);
    const width = Math.max(Math.round(display.width * scale), 1);
    const height = Math.max(Math.round(display.height * scale), 1);
    return {
        x: Math.floor((deviceWidth - width) / 2) / pixelRatio,
        y: Math.floor((deviceHeight - height) / 2) / pixelRatio,
        width: width / pixelRatio,
        height: height / pixelRatio,
    };
}

/** The display's pixel under a position of the page; positions outside are moved to the nearest edge. */
export function displayPoint(clientX: number, clientY: number, picture: Rectangle, display: Size): Point {
    const x = Math.floor(((clientX - picture.x) * display.width) / picture.width);
    const y = Math.floor(((clientY - picture.y) * display.height) / picture.height);
    return {
        x: Math.min(Math.max(x, 0), display.width - 1),
        y: Math.min(Math.max(y, 0), display.height - 1),
    };
}
