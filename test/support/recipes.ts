// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './repository.ts';

/** A question of docs/queries.md with its answers. */
export interface Recipe {
  /** `1. What did this user run?` */
  readonly title: string;
  readonly logql: string;
  readonly sql: string;
  /** Lines of examples/kafka/questions.mjs, where it can be asked while things happen. */
  readonly kafka?: string;
}

/** The recipes as they stand in the page. @throws when a question lacks an answer */
export function readRecipes(): readonly Recipe[] {
  const page = readFileSync(join(repository, 'docs/queries.md'), 'utf8');
  return page
    .split(/^## (?=\d+\. )/m)
    .slice(1)
    .map((section) => {
      const title = section.slice(0, section.indexOf('\n'));
      const blocks = new Map(
        [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, text]) => [language!, text!]),
      );
      const [logql, sql, kafka] = ['logql', 'sql', 'js'].map((language) => blocks.get(language));
      if (!logql || !sql) throw new Error(`${title}: there is no LogQL or no SQL`);
      return { title, logql, sql, ...(kafka && { kafka }) };
    });
}
