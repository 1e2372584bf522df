/** How a model is run for training: what is kept, recomputed, summed. Applied to a finished model from outside. */
export {
  type BlockModel,
  type BlockPlan,
  type BlockSupply,
  type EngineRun,
  forwardBackward,
  type GradSink,
  type Trainable,
} from "./engine.ts";
export { clipGradients, GradientStore, totalNorm } from "./gradients.ts";
