/** What the hub means when it refuses, in words a user can act on. */

import { ConfigError, SetupError, type WantuneError } from "../base/mod.ts";

/** What was asked for. */
export interface Asked {
  readonly endpoint: string;
  readonly repo: string;
  readonly revision: string;
  /** A file of the repository; absent when the repository itself was asked about. */
  readonly path?: string;
  readonly hasToken: boolean;
}

/**
 * The error for a refusal. The hub answers 401 for repositories that do not exist, so that nobody learns which private
 * ones do; its header `x-error-code` says more.
 */
export function refusal(response: Response, asked: Asked): WantuneError {
  const { endpoint, repo, revision, path, hasToken } = asked;
  const { status, statusText } = response;
  const code = response.headers.get("x-error-code");
  const subject = `Cannot fetch ${path === undefined ? repo : `${path} of ${repo}`}`;
  if (code === "GatedRepo" || status === 403) {
    const why = hasToken ? "and the account of HF_TOKEN has no access" : "and no HF_TOKEN is set";
    return new ConfigError(`${subject}: the repository is gated or forbidden, ${why} (${status}).`, {
      cure: `accept its terms at ${endpoint}/${repo} and set HF_TOKEN to a token of that account`,
    });
  }
  if (status === 401) {
    return new ConfigError(
      hasToken
        ? `${subject}: HF_TOKEN is not valid, or there is no such repository (401).`
        : `${subject}: there is no such repository, or it is private (401).`,
      {
        cure: hasToken ? "check the name and HF_TOKEN" : "check the name, or set HF_TOKEN to a token that may read it",
      },
    );
  }
  if (status === 404 && path !== undefined) {
    return new ConfigError(`${subject}: revision ${revision} has no such file (404).`, {
      cure: "run it again; if it stays so, the repository is damaged",
    });
  }
  if (status === 404 && code === "RevisionNotFound") {
    return new ConfigError(`${subject}: it has no revision "${revision}" (404).`, {
      cure: "name one of its branches, tags or commits with --revision",
    });
  }
  if (status === 404) {
    const which = revision === "main" ? "repository" : `repository, or no revision "${revision}" in it`;
    return new ConfigError(`${subject}: there is no such ${which} (404).`, {
      cure: `look for it at ${endpoint}; names are written as owner/name`,
    });
  }
  return new SetupError(`${subject}: the server answers ${`${status} ${statusText}`.trim()}.`, {
    cure: `check that ${endpoint} is a hub, or name another one with HF_ENDPOINT`,
  });
}
