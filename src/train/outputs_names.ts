/** What the experts are called in files, and what is saved of a session. */
import type { Expert } from "../wan/mod.ts";
import type { Session } from "./setup.ts";

/** What is saved of a session. */
export type SavedSession = Pick<Session, "config" | "trainees" | "text" | "models" | "variant">;

const ENDINGS: Record<Expert, string> = { only: "", high: "-high-noise", low: "-low-noise" };

/** What the name of an expert's file has. */
export function expertEnding(expert: Expert): string {
  return ENDINGS[expert];
}

/** What diffusers calls an expert. */
export function componentOf(expert: Expert): "transformer" | "transformer_2" {
  return expert === "low" ? "transformer_2" : "transformer";
}
