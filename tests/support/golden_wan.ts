/** Runners of golden cases: one for each kind of case, given the case's folder. */
import { join } from "node:path";
import { z } from "zod";
import { stack, type Tensor, tensor, tidy } from "../../src/torch/mod.ts";
import { addNoise, trainingSigmas, velocityTarget } from "../../src/wan/flow.ts";
import { createSolver } from "../../src/wan/solvers/mod.ts";
import { loadVae } from "../../src/wan/vae/mod.ts";
import { compareCase, type Distance, openCase } from "./golden.ts";

/** Distances by `file/tensor`. */
export type Outcome = Record<string, Distance>;

/** Kind `scheduler`: a solver's stops, and its path for given model outputs. */
export function runSchedulerCase(dir: string): Outcome {
  return tidy(() => {
    const golden = openCase(dir);
    const entry = z.object({ entry_point: z.string() }).parse(golden.json.produced_by).entry_point;
    const kind = entry.includes("UniPC") ? "unipc" : "euler";
    const { shift, flow_shift } = z.looseObject({ shift: z.number().optional(), flow_shift: z.number().optional() })
      .parse(golden.json.config);
    const outputs = golden.tensor("inputs", "model_outputs").unbind();
    using solver = createSolver({ kind, steps: outputs.length, shift: flow_shift ?? shift ?? NaN });
    const trajectory: Tensor[] = [golden.tensor("inputs", "sample")];
    for (const output of outputs) trajectory.push(solver.step(trajectory.at(-1) as Tensor, output));
    return compareCase(dir, {
      outputs: {
        timesteps: tensor(solver.timesteps, { dtype: kind === "unipc" ? "int64" : "float32" }),
        sigmas: tensor(solver.sigmas),
        trajectory: stack(trajectory),
      },
    });
  });
}

/** Kind `scheduler_noising`: the training sigmas, noisy latents and targets. */
export function runNoisingCase(dir: string): Outcome {
  return tidy(() => {
    const golden = openCase(dir);
    const { shift } = z.looseObject({ shift: z.number() }).parse(golden.json.config);
    const sigmas = tensor(trainingSigmas(shift));
    const [latents, noise] = [golden.tensor("inputs", "x0"), golden.tensor("inputs", "noise")];
    const sigma = sigmas.indexSelect(0, golden.tensor("inputs", "index"));
    return compareCase(dir, {
      outputs: {
        sigmas,
        timesteps: sigmas.mul(1000),
        noisy: addNoise(latents, { noise, sigma }),
        target: velocityTarget(latents, noise),
      },
    });
  });
}

/** Kind `vae`, untiled: posterior, latents and reconstructions. */
export function runVaeCase(dir: string): Outcome {
  return tidy(() => {
    const golden = openCase(dir);
    using vae = loadVae(join(golden.checkpoint, "vae"));
    const { mean, logvar } = vae.encode(golden.tensor("inputs", "video"));
    const noise = golden.tensor("inputs", "posterior_noise");
    const latent = vae.normalize(mean);
    return compareCase(dir, {
      outputs: {
        mean,
        logvar,
        latent,
        latent_sampled: vae.normalize(mean.add(logvar.mul(0.5).exp().mul(noise))),
        reconstruction: vae.decode(latent),
        decoded: vae.decode(golden.tensor("inputs", "decode_latent")),
      },
    });
  });
}
