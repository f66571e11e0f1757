'use client';

import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, ensureSyntaxTree, indentOnInput } from '@codemirror/language';
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorState, RangeSetBuilder, StateEffect, StateField } from '@codemirror/state';
import {
  Decoration,
  type DecorationSet,
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
  placeholder,
} from '@codemirror/view';
import { useEffect, useEffectEvent, useImperativeHandle, useRef } from 'react';
import { yamlEditorTheme } from './editor-theme.ts';
import { findRuleAtPosition, findRuleByName, findRuleSpans, type RuleSpan } from './rule-spans.ts';

/** Diagnostic of a line of the editor; lines count from 1. */
export interface EditorLineDiagnostic {
  line: number;
  severity: 'error' | 'warning';
  message: string;
}

export interface YamlEditorHandle {
  /** Moves the cursor to a line, counted from 1, and centers it. */
  goToLine(line: number): void;
  /** Moves the cursor to the first line of a rule; returns false if no rule has this name. */
  goToRule(name: string): boolean;
}

interface YamlEditorProps {
  text: string;
  change: (text: string) => void;
  /** Called when the cursor enters another rule; null outside all rules. */
  onRule: (rule: RuleSpan | null) => void;
  /** Called when the user presses Ctrl-Enter in the editor. */
  onSubmit: () => void;
  notes: readonly EditorLineDiagnostic[];
  readOnly: boolean;
  label: string;
  /** Id of the element that describes the editor for screen readers. */
  describedBy: string;
  handle: React.Ref<YamlEditorHandle>;
}

/** Time limit for parsing in ms, enough for ten thousand rules; the rest of the text is parsed later. */
const parseMs = 100;

const spansOf = (state: EditorState): RuleSpan[] => {
  const tree = ensureSyntaxTree(state, state.doc.length, parseMs);
  return tree === null ? [] : findRuleSpans(tree, (from, to) => state.sliceDoc(from, to));
};

/** State effect that highlights the lines of the rule at the cursor. */
const markRule = StateEffect.define<RuleSpan | null>();
const ruleMark = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    const effect = transaction.effects.findLast((one) => one.is(markRule));
    if (effect === undefined) return marks.map(transaction.changes);
    const builder = new RangeSetBuilder<Decoration>();
    const span = effect.value as RuleSpan | null;
    const { doc } = transaction.state;
    if (span !== null)
      for (let line = doc.lineAt(span.from); ; line = doc.line(line.number + 1)) {
        builder.add(line.from, line.from, Decoration.line({ class: 'cm-rule' }));
        if (line.to >= Math.min(span.to, doc.length) || line.number === doc.lines) break;
      }
    return builder.finish();
  },
  provide: (field) => EditorView.decorations.from(field),
});

/**
 * Editor for YAML. Tab leaves the editor; Ctrl-] and Ctrl-[ indent. It has its own search (Ctrl-F), because only
 * visible lines are in the document.
 */
export default function YamlEditor(props: YamlEditorProps) {
  const { text, notes, readOnly, label, describedBy, handle } = props;
  const parent = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const textNow = useEffectEvent(() => text);
  const submit = useEffectEvent(() => props.onSubmit());
  const textChanged = useEffectEvent((next: string) => props.change(next));
  const ruleEntered = useEffectEvent((rule: RuleSpan | null) => props.onRule(rule));

  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor is created once; the effects below pass it what changes later
  useEffect(() => {
    if (parent.current === null) return;
    const created = new EditorView({
      doc: textNow(),
      parent: parent.current,
      extensions: [
        lineNumbers(),
        lintGutter(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        highlightSelectionMatches(),
        search({ top: true }),
        yaml(),
        yamlEditorTheme,
        ruleMark,
        placeholder('name: my-rules'),
        EditorState.tabSize.of(2),
        EditorState.readOnly.of(readOnly),
        EditorView.contentAttributes.of({
          'aria-label': label,
          'aria-describedby': describedBy,
          spellcheck: 'false',
          tabindex: '0',
        }),
        keymap.of([
          {
            key: 'Mod-Enter',
            run: () => {
              submit();
              return true;
            },
          },
          ...defaultKeymap.filter(({ key }) => key !== 'Mod-Enter'),
          ...historyKeymap,
          ...searchKeymap,
          ...lintKeymap,
        ]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) textChanged(update.state.doc.toString());
          if (update.docChanged || update.selectionSet) follow(update.view);
        }),
      ],
    });
    let shown = '';
    function follow(of: EditorView): void {
      const span = findRuleAtPosition(spansOf(of.state), of.state.selection.main.head);
      const key = JSON.stringify(span);
      if (key === shown) return;
      shown = key;
      ruleEntered(span);
      // CodeMirror forbids to dispatch within an update.
      queueMicrotask(() => of.dispatch({ effects: markRule.of(span) }));
    }
    view.current = created;
    follow(created);
    return () => {
      view.current = null;
      created.destroy();
    };
  }, [readOnly]);

  useEffect(() => {
    const { current } = view;
    if (current === null || current.state.doc.toString() === text) return;
    current.dispatch({ changes: { from: 0, to: current.state.doc.length, insert: text } });
  }, [text]);

  useEffect(() => {
    const { current } = view;
    if (current !== null)
      current.dispatch(setDiagnostics(current.state, diagnosticsOf(current.state, notes)));
  }, [notes]);

  useImperativeHandle(handle, () => {
    const goTo = (position: number): void => {
      const { current } = view;
      if (current === null) return;
      current.dispatch({
        selection: { anchor: position },
        effects: EditorView.scrollIntoView(position, { y: 'center' }),
      });
      current.focus();
    };
    return {
      goToLine(line) {
        const doc = view.current?.state.doc;
        if (doc !== undefined) goTo(doc.line(Math.min(Math.max(line, 1), doc.lines)).from);
      },
      goToRule(name) {
        const span = view.current && findRuleByName(spansOf(view.current.state), name);
        if (span) goTo(span.from);
        return span !== undefined && span !== null;
      },
    };
  }, []);

  return <div ref={parent} className="h-full min-h-0 min-w-0 overflow-hidden" />;
}

function diagnosticsOf(state: EditorState, notes: readonly EditorLineDiagnostic[]): Diagnostic[] {
  return notes.map(({ line, severity, message }) => {
    const { from, to, text } = state.doc.line(Math.min(Math.max(line, 1), state.doc.lines));
    return { from: from + (text.length - text.trimStart().length), to, severity, message };
  });
}
