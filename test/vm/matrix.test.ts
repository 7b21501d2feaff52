// SPDX-License-Identifier: Apache-2.0
// docs/kernels.md says of the required kernels what they do. What the programs see there is left to kernel-suite.test.ts.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../support/repository.ts';
import { skip } from '../support/skip.ts';
import { page, ROWS, tryRow } from './matrix.ts';

/** The page's section under a title, without the release, which Debian renews. */
function sectionOf(text: string, title: string): string {
  const found = text.split(/^## /m).find((section) => section.startsWith(`${title}\n`));
  assert.ok(found, `docs/kernels.md has no section ${title}: npm run kernels`);
  return found.replace(/^Linux \S+?(?=[,:])/m, 'Linux').trimEnd();
}

describe('the page of kernels', () => {
  const written = readFileSync(join(repository, 'docs/kernels.md'), 'utf8');
  for (const row of ROWS.filter(({ required }) => required)) {
    it(`is true of ${row.title}`, async function () {
      this.timeout('12m');
      const report = await tryRow(row);
      if (typeof report === 'string') skip(this, report);
      assert.equal(sectionOf(written, row.title), sectionOf(page(new Map([[row, report]])), row.title));
      if (row.wishes?.includes('ftrace')) assert.match(report.ftrace ?? '', /^(noticed|refused|nothing)/);
    });
  }
});
