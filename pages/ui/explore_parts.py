"""What the map of a project carries besides its tiles: the panel of layers, samples with their errors, what a click tells, and the keyboard.

As in `mapparts`, nothing here asks the server to draw the page again, and texts from files reach the page as text nodes only. Choices are kept
while the browser window lives, so that neither a rerun nor another page nor a reload loses them.
"""

from branca.element import MacroElement
from folium.plugins import SideBySideLayers
from folium.template import Template


class LayerPanel(MacroElement):
    """Which layer is on top and in which form, two layers with a divider, what lies under and over them, and the legends.

    Parameters
    ----------
    topics : list of dict
        ``{"key", "label", "group", "forms": [{"form", "tiles" or "picture", "bounds", "opacity", "title", "kind", "entries", "value"}]}``: what can be
        shown, in one form or as classes and as values; addresses of tiles and of the value under a place, or one picture with the data in it. A form
        may be ``"linked"``: the same with a ``"name"``, on a colour scale that all of this name share, for two of them beside each other.
    extras : list of (str, element, list)
        Further things to switch on and off, each with the entries of its legend: (colour, radius, text).
    grounds : list of dict
        ``{"label", "tiles" or "picture", "bounds"}``, and ``"credit"`` for one that other machines are asked for: nothing is, until it is chosen.
    veil : dict or None
        As a form, with a ``label``: lies over the layers, switched off at first.
    key : str
        Name under which the choices are kept.
    """

    _template = Template("""{% macro script(this, kwargs) %}
    (function () {
      const map = {{ this._parent.get_name() }}, key = 'panel:' + {{ this.key|tojson }};
      const topics = {{ this.topics|tojson }}, grounds = {{ this.grounds|tojson }}, veil = {{ this.veil|tojson }};
      const extras = [{% for text, element, legend in this.extras %}
        {label: {{ text|tojson }}, layer: {{ element.get_name() }}, legend: {{ legend|tojson }}},{% endfor %}];
      const kept = JSON.parse(sessionStorage.getItem(key) || '{}'), save = () => sessionStorage.setItem(key, JSON.stringify(kept));
      for (const name of ['opacity', 'extras', 'open']) kept[name] = kept[name] || {};
      const by = name => topics.find(topic => topic.key === name);
      const formOf = topic => topic.forms.find(one => one.form === (kept.form || 'classes')) || topic.forms[0];
      if (!map.getPane('ground')) map.createPane('ground').style.zIndex = 180;
      if (!map.getPane('veil')) map.createPane('veil').style.zIndex = 250;
      const layerOf = (one, more) => one.picture ? L.imageOverlay(one.picture, one.bounds, more)
        : L.tileLayer(one.tiles, {maxZoom: 24, maxNativeZoom: one.credit ? 19 : 20, ...(one.bounds ? {bounds: one.bounds} : {}), ...more});
      const opacityOf = topic => kept.opacity[topic.key] ?? formOf(topic).opacity;
      const make = (tag, style, text, into) => {
        const element = document.createElement(tag);
        element.style.cssText = style;
        if (text) element.textContent = text;
        if (into) into.append(element);
        return element;
      };
      const row = (into, type, name, text, checked, act) => {
        const label = make('label', 'display: block; cursor: pointer; padding: 1px 0', '', into), input = make('input', 'margin: 0 6px 0 0', '', label);
        input.type = type; input.name = name; input.checked = checked; input.onchange = () => act(input);
        label.append(text);
        return input;
      };
      const fieldset = (text, into) => {
        const set = make('fieldset', 'border: 0; border-top: 1px solid #c8d0cb; margin: 6px 0 0; padding: 4px 0 0', '', into);
        make('legend', 'padding: 0; color: #51605a; font-size: 11px', text, set);
        return set;
      };

      const legends = make('div', ''), circled = make('div', 'margin-left: 4px');
      legends.setAttribute('role', 'status');
      const legend = one => {
        make('div', 'font-weight: 600; margin-top: 6px', one.title, legends);
        if (one.kind === 'continuous') {
          const bar = make('div', 'height: 12px; margin: 3px 0; border: 1px solid #777', '', legends);
          bar.style.background = 'linear-gradient(to right, ' + one.entries.map(entry => entry[0]).join(', ') + ')';
          const ticks = make('div', 'display: flex; justify-content: space-between; gap: 8px', '', legends), last = one.entries.length - 1;
          for (const number of [0, last / 2, last]) make('span', '', one.entries[number][1], ticks);
        } else for (const [colour, text] of one.entries) {
          const line = make('div', 'display: flex; align-items: center; gap: 6px', '', legends);
          make('span', 'flex: none; width: 16px; height: 12px; border: 1px solid #777; background: ' + colour, '', line);
          make('span', '', text, line);
        }
      };
      const circles = one => {
        for (const [colour, radius, text] of one.legend.entries) {
          const line = make('div', 'display: flex; align-items: center; gap: 6px', '', circled), cell = make('span', 'flex: none; width: 24px; text-align: center', '', line);
          make('span', 'display: inline-block; border: 1.5px solid #000; border-radius: 50%; vertical-align: middle; box-sizing: border-box; background: ' + colour +
            '; width: ' + 2 * radius + 'px; height: ' + 2 * radius + 'px', '', cell);
          make('span', '', text, line);
        }
      };
      const side = (one, other) => one.linked && other.linked && one.linked.name === other.linked.name ? {...one, ...one.linked} : one;
      const paired = ([a, b]) => [side(formOf(a), formOf(b)), side(formOf(b), formOf(a))];
      const same = (a, b) => JSON.stringify([a.kind, a.entries]) === JSON.stringify([b.kind, b.entries]);
      const write = () => {
        legends.replaceChildren();
        circled.replaceChildren();
        const seen = now();
        if (seen.length === 2) {
          const [a, b] = paired(seen);
          make('div', 'margin-top: 6px', 'Left: ' + seen[0].label, legends);
          make('div', '', 'Right: ' + seen[1].label, legends);
          legend(a);
          if (!same(a, b)) legend(b);
        } else legend(formOf(seen[0]));
        for (const one of extras) if (map.hasLayer(one.layer) && one.legend) circles(one);
      };

      let single = null, pair = null;
      const now = () => kept.swipe ? [by(kept.left), by(kept.right)] : [by(kept.top)];
      const draw = () => {
        if (pair) { pair.bar.remove(); pair.tags.forEach(tag => tag.remove()); pair.layers.forEach(layer => layer.remove()); pair = null; }
        if (single) { single.remove(); single = null; }
        const seen = now();
        if (kept.swipe) {
          const layers = paired(seen).map((one, number) => layerOf(one, {opacity: opacityOf(seen[number])}).addTo(map));
          const bar = L.control.sideBySide([layers[0]], [layers[1]]).addTo(map);
          const tags = seen.map((topic, side) => make('div', 'position: absolute; top: 8px; z-index: 999; pointer-events: none; padding: 2px 7px; border-radius: 3px; ' +
            'font: 12px sans-serif; white-space: nowrap; color: #17211c; background: rgba(255,255,255,.92); transform: translateX(' + (side ? '0' : '-100%') + ')',
            topic.label, bar._container));
          const follow = x => tags.forEach((tag, side) => { tag.style.left = x + (side ? 26 : -26) + 'px'; });
          bar.on('dividermove', event => follow(event.x));
          bar._range.setAttribute('aria-label', 'Divider: left of it ' + seen[0].label + ', right of it ' + seen[1].label);
          bar._range.setAttribute('aria-valuetext', 'in the middle');
          bar._range.addEventListener('input', () => bar._range.setAttribute('aria-valuetext', Math.round(100 * bar._range.value) + ' % from the left'));
          follow(bar.getPosition());
          pair = {bar: bar, layers: layers, tags: tags};
        } else single = layerOf(formOf(seen[0]), {opacity: opacityOf(seen[0])}).addTo(map);
        slider.value = opacityOf(seen[0]);
        save();
        write();
      };
      map.soilcoreShown = () => now().map(topic => [topic.key, topic.label, formOf(topic).value]);

      const first = topics[0], slider = make('input', 'width: 100%');
      if (!by(kept.top)) kept.top = first.key;
      if (!by(kept.left)) kept.left = first.key;
      if (!by(kept.right)) kept.right = ((topics.find(topic => topic.twin) || topics[1] || first)).key;
      const canSwipe = topics.length > 1 && topics.every(topic => topic.forms.every(one => !one.picture));
      if (!canSwipe) kept.swipe = false;

      const control = L.control({position: 'topright'});
      control.onAdd = () => {
        const box = make('details', 'background: rgba(255,255,255,.95); color: #17211c; padding: 8px 10px; border-radius: 4px; ' +
          'font: 12px/1.45 sans-serif; width: 232px; box-shadow: 0 1px 4px rgba(0,0,0,.35); overflow: auto; box-sizing: border-box');
        box.style.maxHeight = Math.max(200, map.getSize().y - 60) + 'px';
        box.className = 'soilcore-panel';
        box.open = kept.shut === undefined ? map.getSize().x > 520 : !kept.shut;  // on a telephone the map comes first
        const fit = () => { box.style.width = box.open ? '232px' : 'auto'; };
        fit();
        box.ontoggle = () => { kept.shut = !box.open; fit(); save(); };
        make('summary', 'cursor: pointer; font-weight: 600', 'Layers and legend', box);
        L.DomEvent.disableClickPropagation(box);
        L.DomEvent.disableScrollPropagation(box);

        if (topics.some(topic => topic.forms.length > 1)) {
          const set = fieldset('Show in', box);
          set.style.borderTop = 0;
          for (const [form, text] of [['classes', 'Classes'], ['values', 'Values']]) {
            const input = row(set, 'radio', 'soilcore-form', text, (kept.form || 'classes') === form, () => { kept.form = form; draw(); });
            input.parentElement.style.cssText += '; display: inline-block; margin-right: 14px';
          }
        }
        box.append(legends);

        const choice = make('div', 'border-top: 1px solid #c8d0cb; margin-top: 6px; padding-top: 2px', '', box);
        let group = null, into = null;
        for (const topic of topics) {
          if (topic.group !== group) {
            const mine = group = topic.group;
            into = make('details', 'margin-top: 4px', '', choice);
            into.open = kept.open[mine] ?? (topic === first || by(kept.top).group === mine);
            make('summary', 'cursor: pointer; color: #51605a', mine, into);
            const shelf = into;
            shelf.ontoggle = () => { kept.open[mine] = shelf.open; save(); };
          }
          row(into, 'radio', 'soilcore-layer', topic.label, topic.key === kept.top, () => { kept.top = topic.key; draw(); });
        }
        const swiped = make('div', '', '', box), sides = make('div', 'display: none', '', box);
        const option = (into, topic) => {
          let set = [...into.children].find(one => one.label === topic.group);
          if (!set) { set = make('optgroup', '', '', into); set.label = topic.group; }
          make('option', '', topic.label, set).value = topic.key;
        };
        for (const [side, text] of [['left', 'Left of the divider'], ['right', 'Right of the divider']]) {
          make('div', 'margin-top: 3px', text, sides);
          const select = make('select', 'display: block; width: 100%; font: inherit', '', sides);
          select.setAttribute('aria-label', text);
          topics.forEach(topic => option(select, topic));
          select.value = kept[side];
          select.onchange = () => { kept[side] = select.value; draw(); };
        }
        const turn = on => { kept.swipe = on; sides.style.display = on ? 'block' : 'none'; choice.style.display = on ? 'none' : 'block'; };
        if (canSwipe) row(swiped, 'checkbox', 'soilcore-swipe', 'Swipe two layers', !!kept.swipe, input => { turn(input.checked); draw(); });
        turn(!!kept.swipe);

        const label = make('label', 'display: block; margin-top: 4px', 'Opacity', box);
        slider.type = 'range'; slider.min = 0; slider.max = 1; slider.step = .05;
        slider.className = 'opacity';
        slider.setAttribute('aria-label', 'Opacity of the layer on top');
        slider.oninput = () => {
          for (const topic of now()) kept.opacity[topic.key] = +slider.value;
          for (const layer of pair ? pair.layers : [single]) layer.setOpacity(+slider.value);
          save();
        };
        label.append(slider);

        const over = fieldset('On top', box);
        const toggled = (text, layer, on) => row(over, 'checkbox', 'soilcore-extra', text, on, input => {
          input.checked ? layer.addTo(map) : layer.remove();
          kept.extras[text] = input.checked;
          save();
          write();
        });
        for (const one of extras) {
          if (kept.extras[one.label] === false) one.layer.remove();
          toggled(one.label, one.layer, map.hasLayer(one.layer));
          if (one.legend) over.append(circled);
        }
        if (veil) {
          const layer = layerOf(veil, {pane: 'veil', opacity: veil.opacity});
          if (kept.extras[veil.label]) layer.addTo(map);
          toggled(veil.label, layer, !!kept.extras[veil.label]);
        }
        if (!over.querySelector('input')) over.remove();

        const under = fieldset('Background', box), credit = L.control.attribution({prefix: false});
        let ground = null;
        const lay = one => {
          if (ground) ground.remove();
          credit.remove();
          ground = one ? layerOf(one, {pane: 'ground'}).addTo(map) : null;
          if (one && one.credit) credit.addTo(map).addAttribution(one.credit);
          kept.ground = one && !one.credit ? one.label : null;  // what asks other machines is chosen anew each time
          save();
        };
        const before = grounds.find(one => one.label === kept.ground) || (kept.ground === undefined ? grounds.find(one => !one.credit && !one.aside) : null);
        for (const [text, one] of [['Outlines', null], ...grounds.map(one => [one.label, one])])
          row(under, 'radio', 'soilcore-ground', text, one === (before || null), () => lay(one));
        if (before) lay(before);

        draw();
        return box;
      };
      control.addTo(map);
    })();{% endmacro %}""")

    def __init__(self, topics, extras=(), grounds=(), veil=None, key=""):
        super().__init__()
        self._name = "LayerPanel"
        self.topics, self.extras, self.grounds, self.veil, self.key = topics, extras, grounds, veil, key


class Divider(SideBySideLayers):
    """Only the script of the divider that compares two layers: the panel puts it up when it is asked for."""

    _template = Template("")

    def __init__(self):
        super(SideBySideLayers, self).__init__()
        self._name = "Divider"


class ErrorCircles(MacroElement):
    """Samples as circles, coloured and sized by how far the prediction was off.

    Parameters
    ----------
    points : list of (float, float, str, int)
        Latitude, longitude, text, and number of the look.
    looks : list of (str, float)
        Colour and radius in pixels.
    """

    _template = Template("""{% macro script(this, kwargs) %}
    const {{ this.get_name() }} = (function () {
      const group = L.layerGroup(), looks = {{ this.looks|tojson }};
      for (const [lat, lon, text, number] of {{ this.points|tojson }}) {
        const words = document.createElement('span');
        words.textContent = text;
        L.circleMarker([lat, lon], {radius: looks[number][1], color: '#000', weight: 1.2, fillColor: looks[number][0], fillOpacity: 1, bubblingMouseEvents: true})
          .bindTooltip(words).addTo(group);
      }
      return group.addTo({{ this._parent.get_name() }});
    })();{% endmacro %}""")

    def __init__(self, points, looks):
        super().__init__()
        self._name = "ErrorCircles"
        self.points, self.looks = points, looks


class Reader(MacroElement):
    """Click a place, or press Enter over the one in the middle: values at once, from the server's value route.

    Parameters
    ----------
    told : list of (str, list of str)
        Label, and addresses of values that are joined by "to"; asked in this order.
    covered : list of str
        Keys of topics that these lines tell already; others are told while they are shown.
    about : str
        What the map shows, for those who do not see it.
    """

    _template = Template("""{% macro script(this, kwargs) %}
    (function () {
      const map = {{ this._parent.get_name() }}, told = {{ this.told|tojson }}, covered = {{ this.covered|tojson }}, box = map.getContainer();
      const element = (tag, style, text) => { const one = document.createElement(tag); one.style.cssText = style; one.textContent = text; return one; };
      map.on('click', event => {
        const place = event.latlng.wrap(), words = element('div', 'font: 13px/1.45 sans-serif', '');
        words.setAttribute('role', 'status');
        words.append(element('div', 'color: #555; margin-bottom: 4px', place.lat.toFixed(5) + '°, ' + place.lng.toFixed(5) + '°'));
        const panel = box.querySelector('.soilcore-panel'), wide = map.getSize().x, hidden = panel && panel.open && wide > 520 ? panel.offsetWidth + 20 : 10;
        const popup = L.popup({maxWidth: Math.min(320, wide - 115), autoPanPaddingTopLeft: [50, 10], autoPanPaddingBottomRight: [hidden, 10]})
          .setLatLng(event.latlng).setContent(words).openOn(map);
        const ask = address => fetch(address + '?lon=' + place.lng + '&lat=' + place.lat).then(answer => answer.json());
        const seen = map.soilcoreShown ? map.soilcoreShown().filter(([key, _, address]) => address && !covered.includes(key)) : [];
        const rows = [...told, ...seen.map(([_, label, address]) => [label, [address]])];
        const answers = rows.map(([label, addresses]) => {
          const row = document.createElement('div'), value = element('b', '', '…');
          row.append(label + ': ', value);
          words.append(row);
          return Promise.all(addresses.map(ask)).then(found => {
            value.textContent = found.map(one => one.text || one.error).join(' to ');
            row.hidden = found.every(one => one.value === null);
            return !row.hidden;
          }).catch(() => { value.textContent = 'the server does not answer'; return true; });
        });
        Promise.all(answers).then(known => {
          words.append(element('div', 'color: #555; margin-top: 4px', known.includes(true) ? 'More about this place below the map.' : 'Nothing is mapped here.'));
          popup.update();
        });
      });
      box.setAttribute('role', 'region');
      box.setAttribute('aria-label', {{ this.about|tojson }} + ' Arrow keys move it, plus and minus zoom, Enter reads the place in the middle.');
      const bar = size => 'linear-gradient(#000, #000) center/' + size + ' no-repeat';
      const cross = element('div', 'display: none; position: absolute; left: 50%; top: 50%; width: 24px; height: 24px; margin: -12px 0 0 -12px; z-index: 650; ' +
        'pointer-events: none; outline: 1px solid #fff; border-radius: 50%; background: ' + bar('2px 100%') + ', ' + bar('100% 2px'), '');
      box.append(cross);
      for (const name of ['blur', 'pointerdown']) box.addEventListener(name, () => { cross.style.display = 'none'; });
      box.addEventListener('keydown', event => {
        if (event.target !== box) return;
        cross.style.display = 'block';
        if (event.key !== 'Enter') return;
        event.preventDefault();
        map.fire('click', {latlng: map.getCenter(), originalEvent: event});
      });
    })();{% endmacro %}""")

    def __init__(self, told, covered=(), about="A map."):
        super().__init__()
        self._name = "Reader"
        self.told, self.covered, self.about = told, list(covered), about


class WholeMap(MacroElement):
    """A button that shows everything again."""

    _template = Template("""{% macro script(this, kwargs) %}
    (function () {
      const map = {{ this._parent.get_name() }}, control = L.control({position: 'topleft'});
      control.onAdd = () => {
        const bar = L.DomUtil.create('div', 'leaflet-bar'), link = L.DomUtil.create('a', '', bar);
        link.href = '#'; link.role = 'button'; link.title = 'Show the whole map'; link.textContent = '⤢';
        link.setAttribute('aria-label', link.title);
        L.DomEvent.disableClickPropagation(bar);
        link.onclick = event => { event.preventDefault(); map.fitBounds({{ this.bounds|tojson }}); };
        return bar;
      };
      control.addTo(map);
    })();{% endmacro %}""")

    def __init__(self, bounds):
        super().__init__()
        self._name = "WholeMap"
        self.bounds = bounds
