/** Clips and pictures in, clips and pictures out, by way of the ffmpeg and ffprobe programs. */

export { isAnimation } from "./animation.ts";
export { readComment } from "./comment.ts";
export { COMMENT_FILE } from "./frames_out.ts";
export { type VideoCodec, videoCodec, type VideoForm, videoForm } from "./containers.ts";
export { checkDestinations, checkFileDestination, type Destination } from "./destination.ts";
export { findCuts, type SceneFacts } from "./cuts.ts";
export { coverCrop, type Crop, type Size } from "./crop.ts";
export { type DecodedFrames, decodeFrames, type Frames, readFrames, type ReadOptions } from "./frames.ts";
export { type Orientation } from "./picture.ts";
export { encodePng, writePng } from "./png.ts";
export { jpegStrip } from "./jpeg.ts";
export { MAX_PIXELS, type MediaInfo } from "./info.ts";
export { probe, type ProbeOptions } from "./probe.ts";
export { FileProblem, type MediaCode, quoteName } from "./problem.ts";
export { findPrograms, type Programs } from "./process.ts";
export { compareVideos, describeVideo, type VideoComparison, type VideoFigures } from "./quality/figures.ts";
export { type FrameSize } from "./quality/luma.ts";
export { psnr } from "./quality/psnr.ts";
export { figuresPath, writeFigures } from "./quality/write.ts";
export { contactSheet, type Picture, type SheetOptions, type SheetRow } from "./sheet.ts";
export { frameTimes, keyTimes, type Timeline } from "./timeline.ts";
export { chooseFrames, countFrames, TIME_SLACK } from "./times.ts";
export { writeVideo, type WriteVideoOptions } from "./video_out.ts";
