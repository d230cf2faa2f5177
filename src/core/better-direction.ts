/**
 * Which way a metric is better, where its name says so clearly: losses and errors are better when less, accuracies and
 * scores when more. A guess from words, and null rather than a wrong one; what was logged is never changed by it.
 */

const smallerIsBetter =
  /(^|[_/.\- ])(loss|err|error|mae|mape|mse|rmse|nll|bce|bpc|ppl|perplexity|wer|cer|fid|kl|regret)([_/.\- \d]|$)/i;
const largerIsBetter =
  /(^|[_/.\- ])(acc|accuracy|top\d+|f1|auc|auroc|map|score|precision|recall|reward|return|bleu|rouge|iou|miou|dice|psnr|ssim|r2|elbo|ndcg|mrr)([_/.\- \d]|$)/i;

/** `min`, `max`, or null where the name does not say. */
export function betterDirection(name: string): "min" | "max" | null {
  if (smallerIsBetter.test(name)) return "min";
  return largerIsBetter.test(name) ? "max" : null;
}
