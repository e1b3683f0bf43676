/** Prints a list page by page as it comes, so that a long one needs no memory and shows its beginning at once (cli.md §1.6, 3.1). */
import type { Output } from '../terminal/output.ts';
import { toJsonLine } from '../terminal/output.ts';
import type { Json, ListView } from './resource-spec.ts';
import { asJson, listItem } from './table-view.ts';

/** What a printed list needs to know. */
export interface ListLook {
  /** As `Target`: the heading is `Target information:`. */
  readonly title: string;
  readonly view: ListView;
  readonly isRecursive: boolean;
}

/** One list being printed: `page` for each page, `end` once. */
export class ListPrinter {
  readonly #output: Output;
  readonly #look: ListLook;
  #count = 0;
  #status = 200;
  #isBegun = false;

  constructor(output: Output, look: ListLook) {
    this.#output = output;
    this.#look = look;
  }

  /** Prints the items of one page. @returns false when nobody reads any more, so that no further page is needed */
  async page(status: number, items: readonly unknown[]): Promise<boolean> {
    if (!this.#isBegun) this.#status = status;
    this.#isBegun = true;
    if (items.length === 0) return true;
    if (this.#output.isJson) this.#printJson(items);
    else this.#printTable(items.map(asJson));
    this.#count += items.length;
    return this.#output.drained();
  }

  /** Ends the list, or says that it is empty. */
  end(): void {
    const isEmpty = this.#count === 0;
    if (this.#output.isJson) {
      this.#output.write(isEmpty ? `${this.#head()}null}\n` : ']}\n');
      return;
    }
    if (isEmpty) this.#output.printLines([this.#look.view.empty]);
  }

  #head(): string {
    return `{"status_code":${this.#status},"items":`;
  }

  #printJson(items: readonly unknown[]): void {
    const text = items.map(toJsonLine).join(',');
    this.#output.write(`${this.#count === 0 ? `${this.#head()}[` : ','}${text}`);
  }

  #printTable(items: readonly Json[]): void {
    const { title, view, isRecursive } = this.#look;
    const lines = items.flatMap((item, index) => [
      ...(index === 0 ? [] : ['']),
      ...listItem(view, item, { isRecursive }),
    ]);
    this.#output.printLines(this.#count === 0 ? ['', `${title} information:`, ...lines] : ['', ...lines]);
  }
}
