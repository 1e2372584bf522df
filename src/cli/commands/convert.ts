/** `wantune convert`: weights in the forms of other programs. */
import type { Command } from "@commander-js/extra-typings";
import { registerLora } from "../convert/lora.ts";
import { registerModel } from "../convert/model.ts";

/** Adds the commands. */
export function register(program: Command): void {
  const convert = program.command("convert").description("Writes LoRAs and models in the forms of other programs.");
  registerLora(convert as Command);
  registerModel(convert as Command);
}
