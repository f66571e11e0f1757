import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import type { Extension } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

/** Editor theme made of the page's CSS color variables, so that it follows the page's theme. */
const look = EditorView.theme({
  '&': { height: '100%', fontSize: '12px', color: 'var(--text-1)', backgroundColor: 'var(--surface-0)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--font-code)', lineHeight: '20px', fontFeatureSettings: '"calt" 0' },
  '.cm-content': { padding: '8px 0', caretColor: 'var(--text-1)' },
  '.cm-line': { padding: '0 16px 0 8px' },
  '.cm-gutters': { color: 'var(--text-muted)', backgroundColor: 'var(--surface-0)', border: 'none' },
  '.cm-lineNumbers .cm-gutterElement': { minWidth: '36px', padding: '0 4px 0 8px' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--surface-2)' },
  '.cm-activeLineGutter': { color: 'var(--text-1)' },
  '.cm-cursor': { borderLeft: '1.5px solid var(--text-1)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--surface-3)',
  },
  '.cm-rule': { boxShadow: 'inset 2px 0 0 var(--accent)' },
  '.cm-placeholder': { color: 'var(--text-muted)' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': {
    backgroundColor: 'var(--surface-3)',
    outline: '1px solid var(--line-control)',
  },
  '.cm-gutter-lint': { width: '18px' },
  '.cm-gutter-lint .cm-gutterElement': { padding: '3px 2px' },
  '.cm-lint-marker': { width: '14px', height: '14px' },
  '.cm-lint-marker-error': {
    content: 'none',
    backgroundColor: 'var(--signal)',
    clipPath: 'polygon(50% 8%, 100% 92%, 0 92%)',
  },
  '.cm-lint-marker-warning': {
    content: 'none',
    backgroundColor: 'var(--text-muted)',
    clipPath: 'polygon(50% 8%, 100% 92%, 0 92%)',
  },
  '.cm-lintRange': { backgroundImage: 'none', paddingBottom: '0' },
  '.cm-lintRange-error': {
    textDecoration: 'underline wavy var(--signal)',
    textUnderlineOffset: '3px',
  },
  '.cm-lintRange-warning': {
    textDecoration: 'underline dotted var(--text-muted)',
    textUnderlineOffset: '3px',
  },
  '.cm-tooltip': {
    color: 'var(--text-1)',
    backgroundColor: 'var(--surface-1)',
    border: '1px solid var(--line-control)',
    borderRadius: 'var(--radius-2)',
    boxShadow: 'var(--shadow-2)',
  },
  '.cm-diagnostic': { padding: '4px 8px', maxWidth: '480px', fontFamily: 'var(--font-text)' },
  '.cm-diagnostic-error': { borderLeft: '3px solid var(--signal)' },
  '.cm-diagnostic-warning': { borderLeft: '3px solid var(--text-muted)' },
  '.cm-panels': { color: 'var(--text-1)', backgroundColor: 'var(--surface-1)' },
  '.cm-panels-top': { borderBottom: '1px solid var(--line-2)' },
  '.cm-panel.cm-search': { padding: '6px 28px 6px 8px', fontFamily: 'var(--font-text)', fontSize: '12px' },
  '.cm-panel.cm-search label': { fontSize: '12px' },
  '.cm-textfield': {
    height: '24px',
    padding: '0 6px',
    color: 'var(--text-1)',
    backgroundColor: 'var(--surface-0)',
    border: '1px solid var(--line-control)',
    borderRadius: 'var(--radius-2)',
    fontSize: '12px',
  },
  '.cm-button': {
    height: '24px',
    padding: '0 8px',
    color: 'var(--text-1)',
    backgroundImage: 'none',
    backgroundColor: 'var(--surface-2)',
    border: '1px solid var(--line-2)',
    borderRadius: 'var(--radius-2)',
    fontSize: '12px',
  },
  '.cm-panel.cm-search [name=close]': { color: 'var(--text-2)', fontSize: '16px', padding: '0 8px' },
  '.cm-searchMatch': { backgroundColor: 'var(--accent-wash)', outline: '1px solid var(--accent)' },
  '.cm-searchMatch-selected': { backgroundColor: 'var(--surface-3)' },
});

/** Highlights YAML values and mutes keys; uses no further colors. */
const words = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--text-2)' },
  {
    tag: [tags.content, tags.string, tags.special(tags.string), tags.number],
    color: 'var(--text-1)',
    fontWeight: '550',
  },
  { tag: [tags.comment, tags.lineComment], color: 'var(--text-muted)', fontStyle: 'italic' },
  { tag: [tags.punctuation, tags.separator, tags.bracket, tags.meta], color: 'var(--text-muted)' },
]);

export const yamlEditorTheme: Extension = [look, syntaxHighlighting(words)];
